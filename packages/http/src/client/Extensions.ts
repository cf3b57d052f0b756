/** Whether the client uses the endpoints and fields that Runlease adds to the public API. If not, it sends none of them. */
import { ControlPlaneError } from "@runlease/core"
import { Context } from "effect"

export class Extensions extends Context.Tag("@runlease/http/client/Extensions")<Extensions, boolean>() {}

/** The failure of an operation that needs them. */
export const missing = (operation: string, what: string) =>
  new ControlPlaneError.ControlPlaneUnsupported({
    operation,
    message: `This control plane cannot ${what}`,
  })
