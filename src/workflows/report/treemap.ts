export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Divides a rectangle into one per weight, areas in proportion, as square as possible ("Squarified Treemaps", Bruls,
 * Huizing and van Wijk, 2000). Weights must be positive; results are in the order of the weights.
 */
export function divideRectangle(weights: readonly number[], area: Rectangle): Rectangle[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const scale = sum === 0 ? 0 : (area.width * area.height) / sum;
  const sorted = weights.map((weight, at) => ({ at, size: weight * scale })).toSorted((a, b) => b.size - a.size);
  const result: Rectangle[] = [];
  let free = area;
  for (let next = 0; next < sorted.length;) {
    const side = Math.min(free.width, free.height);
    let end = next + 1;
    let total = sorted[next]!.size;
    while (end < sorted.length) {
      const wider = total + sorted[end]!.size;
      const now = worstRatio(sorted[next]!.size, sorted[end - 1]!.size, total, side);
      if (worstRatio(sorted[next]!.size, sorted[end]!.size, wider, side) > now) break;
      total = wider;
      end += 1;
    }
    const isColumn = free.width >= free.height;
    const thickness = side === 0 ? 0 : total / side;
    let along = 0;
    for (const { at, size } of sorted.slice(next, end)) {
      const length = thickness === 0 ? 0 : size / thickness;
      result[at] = isColumn
        ? { x: free.x, y: free.y + along, width: thickness, height: length }
        : { x: free.x + along, y: free.y, width: length, height: thickness };
      along += length;
    }
    free = isColumn
      ? { ...free, x: free.x + thickness, width: Math.max(0, free.width - thickness) }
      : { ...free, y: free.y + thickness, height: Math.max(0, free.height - thickness) };
    next = end;
  }
  return result;
}

/** How far the least square of a row of rectangles is from a square. */
function worstRatio(largest: number, smallest: number, total: number, side: number): number {
  const square = total * total;
  return Math.max((side * side * largest) / square, square / (side * side * smallest));
}
