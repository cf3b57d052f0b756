/** The address of the list of all runs; a link adds what it looks for. */
export const noRunsSearch = {
  state: undefined,
  agent: undefined,
  q: undefined,
  from: undefined,
  to: undefined,
  parent: undefined,
  conversation: undefined,
  children: undefined,
}
