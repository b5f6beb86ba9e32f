// The data of the page: numbers and rate maps of all units, unpacked when they are first asked for.

const data = JSON.parse(document.getElementById("data").textContent);
const run = data.run;

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

// Numbers of all units as floats; NaN where nothing was measured.
function unpack(packed) {
  if (packed.values) return packed.values;
  if (packed.f4 !== undefined) {
    packed.values = new Float32Array(bytesOf(packed.f4).buffer);
  } else {
    const codes = new Uint16Array(bytesOf(packed.u2).buffer);
    const step = (packed.high - packed.low) / 65534;
    packed.values = Float32Array.from(codes, (code) => (code === 65535 ? NaN : packed.low + code * step));
  }
  return packed.values;
}

// Grey levels of a sprite image, put in the order (unit, bin_y, bin_x).
async function unpackSprite(maps) {
  const image = new Image();
  image.src = "data:image/png;base64," + maps.png;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height).data;
  const [width, height] = maps.bins;
  const codes = new Uint8Array(run.units * width * height);
  for (let unit = 0, to = 0; unit < run.units; unit++) {
    const left = (unit % maps.columns) * width, top = Math.floor(unit / maps.columns) * height;
    for (let y = 0; y < height; y++) {
      let from = 4 * ((top + y) * image.width + left);
      for (let x = 0; x < width; x++, from += 4) codes[to++] = pixels[from];
    }
  }
  maps.codes = codes;
  delete maps.png;
  return maps;
}

// Rate maps of a view of an evaluation, null while they are being unpacked or if the page has none.
function mapsOf(view, whenReady) {
  const maps = view.maps;
  if (!maps) return null;
  if (maps.codes) return maps;
  if (!maps.waiting) {
    maps.waiting = unpackSprite(maps);
  }
  maps.waiting.then(whenReady);
  return null;
}

// Rates of one unit as a share of its peak, row 0 at the smallest y; NaN where no animal was.
function shareMap(maps, unit) {
  const size = maps.bins[0] * maps.bins[1];
  const low = unpack(maps.low)[unit], peak = unpack(maps.peak)[unit];
  const scale = Math.max(Math.abs(low), Math.abs(peak)) || 1;
  const share = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const code = maps.codes[unit * size + i];
    share[i] = code === 0 ? NaN : (low + ((code - 1) / maps.levels) * (peak - low)) / scale;
  }
  return share;
}
