/** A run as it is first opened. */
export const wholeRun = { tab: undefined, event: undefined } as const
