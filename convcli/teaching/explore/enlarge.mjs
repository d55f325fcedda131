/**
 * Layers that enlarge maps: each of their values adds to several outputs.
 *
 * The rules are those of convcli/layers/upsample.py and convcli/layers/conv_transpose.py.
 */

import { UsageError } from "./errors.mjs";
import { countText, pairText, sizeText } from "./geometry.mjs";

export const ENLARGING = ["upsample", "convtranspose"];

/** Return the shape of a layer's maps, [rows, columns, channels]. */
export function enlargedShape(layer, [rows, columns, channels]) {
  if (layer.name === "upsample") {
    return [rows * layer.factor[0], columns * layer.factor[1], channels];
  }
  const { kernels, kernelName, groups, stride, dilation, pads, outputPadding } = layer;
  const [{ addsChannels, planes, shape }] = kernels;
  if (!addsChannels && groups > 1) {
    throw new UsageError(
      "--groups takes a bank (C, N/groups, kh, kw); a 2-D kernel enlarges every map on its own " +
        "without it",
    );
  }
  if (addsChannels && kernels.length !== channels) {
    throw new UsageError(
      `${kernelName} has kernels for ${countText(kernels.length, "map")}, but the layer's input has ` +
        `${channels}; a bank is (C, N/groups, kh, kw)`,
    );
  }
  if (channels % groups > 0) {
    throw new UsageError(
      `${countText(channels, "channel")} cannot be divided into ${groups} groups`,
    );
  }
  if (outputPadding.some((more, axis) => more >= Math.max(stride[axis], dilation[axis]))) {
    throw new UsageError(
      `output padding ${pairText(outputPadding)} must be less than the stride ` +
        `${pairText(stride)} or the dilation ${pairText(dilation)}`,
    );
  }
  const sides = [rows, columns].map(
    (side, axis) =>
      (side - 1) * stride[axis] +
      dilation[axis] * (shape[axis] - 1) +
      1 +
      outputPadding[axis] -
      pads[axis].reduce((sum, pad) => sum + pad),
  );
  if (Math.min(...sides) < 1) {
    throw new UsageError(
      `nothing is left of the ${sizeText([rows, columns])} input: the padding cuts off more than ` +
        "there is",
    );
  }
  return [...sides, addsChannels ? planes.length * groups : channels];
}

/**
 * Return what an output reads along an axis, in order.
 *
 * @returns {{place: number, weight: number, tap: number}[]} places of the input, each with its share
 *   (upsample) or with the tap of the kernel (convtranspose)
 */
function sourcesOf(layer, size, axis, output) {
  if (layer.name === "upsample") {
    const [place, share] = between(layer, size, layer.factor[axis], output);
    return share === 0
      ? [{ place, weight: 1 }]
      : [{ place, weight: 1 - share }, { place: place + 1, weight: share }];
  }
  const { kernels, stride, dilation, pads } = layer;
  const sources = [];
  for (let tap = kernels[0].shape[axis] - 1; tap >= 0; tap--) {
    const place = (output + pads[axis][0] - dilation[axis] * tap) / stride[axis];
    if (Number.isInteger(place) && place >= 0 && place < size) {
      sources.push({ place, tap });
    }
  }
  return sources;
}

/** Return the place before an output of upsampling, and the share of the value after it. */
function between({ mode, alignCorners }, size, factor, output) {
  if (mode === "nearest") {
    return [Math.floor(output / factor), 0];
  }
  const parts = alignCorners ? Math.max(size * factor - 1, 1) : 2 * factor;
  const position = alignCorners ? output * (size - 1) : 2 * output + 1 - factor;
  const low = Math.floor(position / parts);
  if (low < 0 || low >= size - 1) {
    return [Math.min(Math.max(low, 0), size - 1), 0];
  }
  return [low, (position - low * parts) / parts];
}

/** Return the weights of an output map, a plane for each of the input's maps that it reads. */
function mapWeights({ kernels, groups }, map, channels) {
  const [{ addsChannels, planes }] = kernels;
  if (!addsChannels) {
    return { read: [map], planes };
  }
  const each = channels / groups;
  const first = Math.floor(map / planes.length) * each;
  const read = Array.from({ length: each }, (_, index) => first + index);
  return { read, planes: read.map((channel) => kernels[channel].planes[map % planes.length]) };
}

/** Return the enlarged maps. */
export function enlargedMaps(layer, maps) {
  return layer.name === "upsample" ? upsampledMaps(layer, maps) : transposedMaps(layer, maps);
}

function upsampledMaps(layer, { shape: [height, width, channels], values }) {
  const [rows, columns] = enlargedShape(layer, [height, width, channels]);
  const tall = enlargedAlong(values, 1, sourcesAlong(layer, 0, height, rows), width * channels);
  const out = enlargedAlong(tall, rows, sourcesAlong(layer, 1, width, columns), channels);
  return { shape: [rows, columns, channels], values: out };
}

function sourcesAlong(layer, axis, size, outputs) {
  return Array.from({ length: outputs }, (_, output) => sourcesOf(layer, size, axis, output));
}

/** Enlarge the second of three axes; the others' lengths are outer and inner. */
function enlargedAlong(values, outer, sources, inner) {
  const size = values.length / (outer * inner);
  const out = new Float64Array(outer * sources.length * inner);
  for (let block = 0, target = 0; block < outer; block++) {
    for (const [lower, upper] of sources) {
      const first = (block * size + lower.place) * inner;
      for (let each = 0; each < inner; each++, target++) {
        const value = values[first + each];
        out[target] =
          upper === undefined
            ? value
            : value * lower.weight + values[first + inner + each] * upper.weight;
      }
    }
  }
  return out;
}

function transposedMaps(layer, { shape: [height, width, channels], values }) {
  const [rows, columns, maps] = enlargedShape(layer, [height, width, channels]);
  const down = sourcesAlong(layer, 0, height, rows);
  const across = sourcesAlong(layer, 1, width, columns);
  const taps = layer.kernels[0].shape[1];
  const out = new Float64Array(rows * columns * maps);
  for (let map = 0; map < maps; map++) {
    const { read, planes } = mapWeights(layer, map, channels);
    let target = map;
    for (const ySources of down) {
      for (const xSources of across) {
        let sum = 0;
        planes.forEach((plane, index) => {
          for (const { place: y, tap } of ySources) {
            for (const { place: x, tap: side } of xSources) {
              const weight = plane[tap * taps + side];
              // A weight of 0 adds nothing, not even to NaN.
              sum += weight === 0 ? 0 : weight * values[(y * width + x) * channels + read[index]];
            }
          }
        });
        out[target] = sum / layer.divisor + layer.bias;
        target += maps;
      }
    }
  }
  return { shape: [rows, columns, maps], values: out };
}

/** Return which values of the input a region of the enlarged maps reads. */
export function regionEnlarged(layer, [rows, columns, channels], region) {
  const places = (axis, size, outputs) => {
    const read = outputs.flatMap((output) => sourcesOf(layer, size, axis, output));
    return ascendingPlaces(read.map(({ place }) => place));
  };
  const read = (map) => mapWeights(layer, map, channels).read;
  return {
    rows: places(0, rows, region.rows),
    columns: places(1, columns, region.columns),
    channels:
      layer.name === "upsample" ? region.channels : ascendingPlaces(region.channels.flatMap(read)),
  };
}

function ascendingPlaces(places) {
  return [...new Set(places)].sort((a, b) => a - b);
}

/** Return the outputs along an axis that read a place of the input. */
export function readersOf(layer, size, outputs, axis, place) {
  const all = Array.from({ length: outputs }, (_, output) => output);
  return all.filter((output) =>
    sourcesOf(layer, size, axis, output).some((source) => source.place === place),
  );
}

/**
 * Return the values of the input that add to one output.
 *
 * @returns {{rows: number[], columns: number[], read: number[], weights: number[][][], taps}} a grid
 *   of weights for each of the maps that are read; `taps` are the kernel's rows and columns that
 *   they are from, null for upsample
 */
export function addedValues(layer, shape, map, at) {
  const [down, across] = [0, 1].map((axis) => sourcesOf(layer, shape[axis], axis, at[axis]));
  const [rows, columns] = [down, across].map((sources) => sources.map(({ place }) => place));
  if (layer.name === "upsample") {
    const weights = down.map((y) => across.map((x) => y.weight * x.weight));
    return { rows, columns, read: [map], weights: [weights], taps: null };
  }
  const { read, planes } = mapWeights(layer, map, shape[2]);
  const width = layer.kernels[0].shape[1];
  const weights = planes.map((plane) =>
    down.map(({ tap }) => across.map((x) => plane[tap * width + x.tap])),
  );
  const taps = [down, across].map((sources) => sources.map(({ tap }) => tap));
  return { rows, columns, read, weights, taps };
}

/** Return the largest sum of magnitudes of a transposed convolution; see chain/maps.py. */
export function enlargedBound(layer, channels, maps, largest) {
  const bounds = Array.from({ length: maps }, (_, map) => {
    const weights = mapWeights(layer, map, channels).planes.flatMap((plane) => Array.from(plane));
    const total = weights.reduce((sum, weight) => sum + Math.abs(weight / layer.divisor), 0);
    return total * largest + Math.abs(layer.bias);
  });
  return Math.max(...bounds);
}
