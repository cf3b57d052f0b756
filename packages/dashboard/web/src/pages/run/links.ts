/** Search parameters of links, since an address names all of them. */

/** All runs; a link overwrites what it wants. */
export const allRuns = {
  state: undefined,
  agent: undefined,
  q: undefined,
  from: undefined,
  to: undefined,
  parent: undefined,
  conversation: undefined,
  children: undefined,
} as const

/** A run as it is first opened. */
export const wholeRun = { tab: undefined, event: undefined } as const
