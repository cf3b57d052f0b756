import type * as Refusal from "../contract/Refusal.js"
import { Page } from "@runlease/core"

/** What the refusal of a page means: that its cursor is not valid, or what it means `otherwise`. */
export const verdict =
  <E>(request: Page.PageRequest | undefined, otherwise: (refusal: Refusal.Refusal) => E) =>
  (refusal: Refusal.Refusal): E | Page.InvalidCursor =>
    request?.cursor !== undefined && refusal.body.error === "invalid_cursor"
      ? new Page.InvalidCursor({ cursor: request.cursor })
      : otherwise(refusal)
