// Autocorrelograms of rate maps, as topogrid.analysis.autocorrelograms computes them.

// Pearson's correlation of a map with itself at every lag, over the bins visited both here and a lag away; the zero lag
// is in the middle. A map that is flat where they overlap has correlation 0.
function autocorrelogram(map, width, height) {
  const flat = 1e-10; // variance below which an overlap counts as flat, in squared shares of the peak
  const across = 2 * width - 1;
  const found = new Float32Array(across * (2 * height - 1));
  const rate = new Float64Array(map.length), there = new Uint8Array(map.length);
  for (let i = 0; i < map.length; i++) {
    there[i] = Number.isNaN(map[i]) ? 0 : 1;
    rate[i] = there[i] ? map[i] : 0;
  }
  for (let dy = 0; dy < height; dy++) {
    for (let dx = dy === 0 ? 0 : 1 - width; dx < width; dx++) {
      let n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
      const from = Math.max(0, -dx), to = Math.min(width, width - dx), shift = dy * width + dx;
      for (let y = 0; y < height - dy; y++) {
        for (let i = y * width + from, end = y * width + to; i < end; i++) {
          if (!(there[i] & there[i + shift])) continue;
          const p = rate[i], q = rate[i + shift];
          n++;
          a += p;
          b += q;
          aa += p * p;
          bb += q * q;
          ab += p * q;
        }
      }
      let r = 0;
      if (n > 1) {
        const spreadA = aa / n - (a / n) ** 2, spreadB = bb / n - (b / n) ** 2;
        if (spreadA > flat && spreadB > flat) r = (ab / n - (a / n) * (b / n)) / Math.sqrt(spreadA * spreadB);
      }
      r = Math.max(-1, Math.min(1, r));
      // A correlogram is the same through its centre.
      found[(height - 1 + dy) * across + width - 1 + dx] = r;
      found[(height - 1 - dy) * across + width - 1 - dx] = r;
    }
  }
  return found;
}
