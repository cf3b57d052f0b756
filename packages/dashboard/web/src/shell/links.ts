/** What addresses name, where a link names nothing: each has all of its parameters. */

/** The address of the list of all runs; a link adds what it looks for. */
export const noRunsSearch = {
  state: undefined,
  agent: undefined,
  code: undefined,
  q: undefined,
  from: undefined,
  to: undefined,
  parent: undefined,
  conversation: undefined,
  children: undefined,
}

/** The address of a run as it is first opened. */
export const wholeRun = { tab: undefined, event: undefined }
