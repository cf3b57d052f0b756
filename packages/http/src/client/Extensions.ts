/**
 * Whether the server is asked for what Runlease adds to the API. Where it is not, nothing of ours is sent.
 *
 * @since 0.1.0
 */
import { ControlPlaneError } from "@runlease/core"
import { Context } from "effect"

export class Additions extends Context.Tag("@runlease/http/client/Additions")<Additions, boolean>() {}

/** What cannot be asked of a server without our additions. */
export const missing = (operation: string, what: string) =>
  new ControlPlaneError.ControlPlaneUnsupported({
    operation,
    message: `This control plane cannot ${what}`,
  })
