// Colours: tables of 256 entries, a torus of colours for phases, and the theme.

const tables = {};
for (const [name, hex] of Object.entries(data.colours)) {
  tables[name] = Uint8Array.from({ length: hex.length / 2 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

// Red, green and blue of a share from 0 to 1, as one number.
function tableColour(name, share) {
  const at = 3 * Math.round(255 * Math.min(1, Math.max(0, share))), table = tables[name];
  return (table[at] << 16) | (table[at + 1] << 8) | table[at + 2];
}

// Two phases as one colour. A torus fits into colour space without touching itself: the first phase is the hue, the
// second goes round the ring of lightness and strength at that hue. (Oklab, Ottosson 2020.)
function torusColour(first, second) {
  const hue = 2 * Math.PI * first, round = 2 * Math.PI * second;
  const strength = 0.085 + 0.05 * Math.cos(round), light = 0.63 + 0.2 * Math.sin(round);
  const a = strength * Math.cos(hue), b = strength * Math.sin(hue);
  const l = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return (
    (gamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s) << 16) |
    (gamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s) << 8) |
    gamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s)
  );
}

function gamma(linear) {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(1, Math.max(0, value)));
}

const css = (rgb) => "#" + rgb.toString(16).padStart(6, "0");

// The theme's colours, read again when it changes.
let theme = {};
function readTheme() {
  const style = getComputedStyle(document.documentElement);
  theme = {};
  for (const name of ["card", "text", "quiet", "line", "accent", "unmeasured", "hatch", "main", "second", "null",
    "theory", "band", "point", "mark"]) {
    theme[name] = style.getPropertyValue("--" + name).trim();
  }
}

function rgbOf(hex) {
  return parseInt(hex.slice(1), 16);
}

// Mix two colours; share 0 is the first.
function mix(first, second, share) {
  let mixed = 0;
  for (const shift of [16, 8, 0]) {
    const from = (first >> shift) & 255, to = (second >> shift) & 255;
    mixed |= Math.round(from + share * (to - from)) << shift;
  }
  return mixed;
}

// Sizes of canvases in CSS pixels. Asking for one makes the browser lay out the page, so it is asked for once a width.
let sizes = new WeakMap();

function sizeOf(canvas) {
  const known = sizes.get(canvas);
  if (known) return known;
  const size = [canvas.clientWidth, canvas.clientHeight];
  if (size[0] && size[1]) sizes.set(canvas, size);
  return size;
}

// A canvas as sharp as the screen; returns its context, with CSS pixels as units, and its size.
function sharp(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = sizeOf(canvas);
  const size = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

// An image of width x height pixels from a function that gives each pixel's colour, null for none.
function imageOf(width, height, colourAt) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const colour = colourAt(i);
    if (colour === null) continue;
    image.data[4 * i] = colour >> 16;
    image.data[4 * i + 1] = (colour >> 8) & 255;
    image.data[4 * i + 2] = colour & 255;
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// An image of a rate map or an autocorrelogram, whose row 0 is the lowest, as screens count from the top.
function mapImage(values, width, height, table, low, high) {
  return imageOf(width, height, (i) => {
    const value = values[(height - 1 - Math.floor(i / width)) * width + (i % width)];
    return Number.isNaN(value) ? null : tableColour(table, (value - low) / (high - low));
  });
}

// Fill a rectangle with the pattern of what was not measured.
function hatch(context, x, y, width, height, gap = 6) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.fillStyle = theme.unmeasured;
  context.fillRect(x, y, width, height);
  context.strokeStyle = theme.hatch;
  context.lineWidth = 1;
  context.beginPath();
  for (let start = Math.floor((x + y) / gap) * gap; start < x + y + width + height; start += gap) {
    context.moveTo(start - y, y);
    context.lineTo(start - y - height, y + height);
  }
  context.stroke();
  context.restore();
}
