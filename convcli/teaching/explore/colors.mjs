/**
 * From values to colors, each in one word: what the bytes R, G, B and A of an ImageData are as an
 * integer, in the byte order that all processors of browsers have. A word is written at once, in a
 * third of the time of its bytes.
 */

// The ends and the middle of a map of signed values, and of pixels beyond black and white.
const NEGATIVE = [33, 102, 172];
const WHITE = [247, 247, 247];
const POSITIVE = [178, 24, 43];
const NOT_A_NUMBER = colorOf(128, 128, 128);
export const BELOW = colorOf(0, 90, 200);
export const ABOVE = colorOf(230, 110, 0);
const LINEAR = Float64Array.from({ length: 256 }, (_, level) =>
  level <= 10 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4,
);
const HALFWAY = Math.sqrt(1.05 * 0.05) - 0.05; // the luminance that black and white differ from alike

/** Return the color of levels from 0 to 255. */
export function colorOf(red, green, blue) {
  return (255 << 24) | (blue << 16) | (green << 8) | red;
}

/** Return the color of a value from -largest (blue) over 0 (white) to largest (red). */
export function signedColor(value, largest) {
  if (Number.isNaN(value)) {
    return NOT_A_NUMBER;
  }
  const share = largest > 0 ? Math.min(Math.abs(value) / largest, 1) : 0;
  const end = value < 0 ? NEGATIVE : POSITIVE;
  const level = (channel) =>
    Math.round(WHITE[channel] + (end[channel] - WHITE[channel]) * share);
  return colorOf(level(0), level(1), level(2));
}

/** Return the grays of values between two that are black and white; NaN is black. */
export function grayLevels(values, low, high) {
  if (low === 0 && high === 255) {
    return new Uint8ClampedArray(values);
  }
  const levels = new Uint8ClampedArray(values.length);
  for (let place = 0; place < levels.length; place++) {
    const share = high > low ? (values[place] - low) / (high - low) : values[place] - low;
    levels[place] = 255 * (high > low ? share : Math.sign(share));
  }
  return levels;
}

/** Return black or white, whichever has the higher contrast on a color: at least 4.5. */
export function inkOn(color) {
  return luminance(color) > HALFWAY ? "#000" : "#fff";
}

/** Return the relative luminance of a color, as WCAG 2.2 defines it. */
function luminance(color) {
  const [red, green, blue] = [0, 8, 16].map((shift) => LINEAR[(color >> shift) & 255]);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
