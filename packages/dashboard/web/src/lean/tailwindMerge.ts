/** Stands in for `tailwind-merge`: the pages give the Markdown library no class that one of its own would contradict. */
export const twMerge = (...classes: ReadonlyArray<unknown>): string =>
  classes.filter((one) => typeof one === "string" && one !== "").join(" ")
