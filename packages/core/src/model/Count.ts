/** Sums of numbers that come from reports, whose writers are not trusted. */

/** The sum, or the largest whole number that JSON has exactly where that is less: no report makes a sum that cannot be read. */
export const add = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER)
