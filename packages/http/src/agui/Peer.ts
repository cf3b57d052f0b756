/**
 * The client that a stream is for, which decides how some events look.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/basic/versioning
 */

/**
 * `older`: the client declares no version, so it is older than 1.0 and refuses some of what 1.0 has. `current`: it reads
 * 1.0.
 */
export type Peer = "older" | "current"

/** `durable` follows the run itself by the API of runs, so all that the run waits for is an interrupt. */
export type Viewer = Peer | "durable"

/** The peer that the input of an AG-UI run declares. */
export const of = ({ protocolVersion }: { readonly protocolVersion?: string | undefined }): Peer =>
  protocolVersion === undefined ? "older" : "current"
