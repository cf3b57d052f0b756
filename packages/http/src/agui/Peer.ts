/**
 * What a client of AG-UI declares of itself, which decides how some events look for it.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/basic/versioning
 *
 * @since 0.1.0
 */

/**
 * `older`: the client declares no version, so it is older than 1.0 and refuses some of what 1.0 has. `current`: it reads
 * 1.0.
 */
export type Peer = "older" | "current"

/** What the input of a run declares. */
export const of = ({ protocolVersion }: { readonly protocolVersion?: string | undefined }): Peer =>
  protocolVersion === undefined ? "older" : "current"
