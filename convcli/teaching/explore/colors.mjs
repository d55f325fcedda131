/** From values to colors, (R, G, B) of 8 bits. */

// The ends and the middle of a map of signed values, and of pixels beyond black and white.
const NEGATIVE = [33, 102, 172];
const WHITE = [247, 247, 247];
const POSITIVE = [178, 24, 43];
export const BELOW = [0, 90, 200];
export const ABOVE = [230, 110, 0];
const LINEAR = Float64Array.from({ length: 256 }, (_, level) =>
  level <= 10 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4,
);
const HALFWAY = Math.sqrt(1.05 * 0.05) - 0.05; // the luminance that black and white differ from alike

/** Write the color of a value from -largest (blue) over 0 (white) to largest (red) into RGBA data. */
export function paintSigned(data, place, value, largest) {
  const share = largest > 0 ? Math.min(Math.abs(value) / largest, 1) : 0;
  const end = value < 0 ? NEGATIVE : POSITIVE;
  for (let channel = 0; channel < 3; channel++) {
    const level = WHITE[channel] + (end[channel] - WHITE[channel]) * share;
    data[4 * place + channel] = Number.isNaN(value) ? 128 : level;
  }
}

/** Write one color into RGBA data. */
export function paintColor(data, place, color) {
  data.set(color, 4 * place);
}

/** Return the gray of a value between two that are black and white. */
export function grayLevel(value, low, high) {
  if (Number.isNaN(value)) {
    return 0;
  }
  const share = high > low ? (value - low) / (high - low) : value > low ? 1 : 0;
  return Math.round(255 * Math.min(Math.max(share, 0), 1));
}

/** Return the least and the greatest finite number; zeros if there is none. */
export function finiteEnds(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low && value !== -Infinity) {
      low = value;
    }
    if (value > high && value !== Infinity) {
      high = value;
    }
  }
  return low > high ? [0, 0] : [low, high];
}

/** Return black or white, whichever has the higher contrast on a cell of RGBA data: at least 4.5. */
export function inkOn(data, place) {
  return luminance(data.subarray(4 * place, 4 * place + 3)) > HALFWAY ? "#000" : "#fff";
}

/** Return the relative luminance of (R, G, B), as WCAG 2.2 defines it. */
function luminance([red, green, blue]) {
  return 0.2126 * LINEAR[red] + 0.7152 * LINEAR[green] + 0.0722 * LINEAR[blue];
}
