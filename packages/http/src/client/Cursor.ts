import { Page } from "@runlease/core"
import type { Refused } from "./Transport.js"

/** What the refusal of a page means: that its cursor is not valid, or what it means `otherwise`. */
export const verdict =
  <E>(request: Page.PageRequest | undefined, otherwise: (refused: Refused) => E) =>
  (refused: Refused): E | Page.InvalidCursor =>
    request?.cursor !== undefined && refused.body.error === "invalid_cursor"
      ? new Page.InvalidCursor({ cursor: request.cursor })
      : otherwise(refused)
