/** The failure of an operation that a control plane does not have. */
import { ControlPlaneError } from "@runlease/core"

export const missing = (operation: string, what: string) =>
  new ControlPlaneError.ControlPlaneUnsupported({
    operation,
    message: `This control plane cannot ${what}`,
  })
