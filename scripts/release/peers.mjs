// The lowest and the newest version of each peer that the packages allow.

const lowestOf = (range) => range.replace(/^[\^~]/, "")

/** By name; a peer that several packages ask for has one range, that of the catalog. */
export const peersOf = (manifests) => {
  const ranges = Object.assign({}, ...manifests.map(({ peerDependencies }) => peerDependencies))
  const entries = Object.entries(ranges)
  return {
    lowest: Object.fromEntries(entries.map(([name, range]) => [name, lowestOf(range)])),
    newest: Object.fromEntries(entries),
  }
}
