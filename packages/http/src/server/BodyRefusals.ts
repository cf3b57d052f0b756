/** The refusals of a body that is not read. */
import { Duration } from "effect"
import { maxBytes, maxDepth } from "../contract/Body.js"
import * as Refusal from "../contract/Refusal.js"

export const tooLarge = Refusal.make(413, "body_too_large", `The body must be at most ${maxBytes} bytes`, {
  field: "body",
})
export const tooDeep = Refusal.make(
  400,
  "body_too_deep",
  `The body must not nest arrays and objects more than ${maxDepth} deep`,
  { field: "body" },
)
export const notJson = Refusal.make(
  415,
  "unsupported_media_type",
  "Send the body as Content-Type: application/json",
  {
    field: "content-type",
  },
)

export const notWhole = Refusal.make(400, "body_incomplete", "The body ended before it was whole", {
  field: "body",
})

export const tooMuchAtOnce = new Refusal.Refusal({
  httpStatus: 503,
  body: {
    error: "body_memory",
    detail: "The bodies that are being read take all the memory that they may; try again",
    field: "body",
  },
  headers: { "retry-after": "1" },
})

export const tooManyValues = (share: number) =>
  Refusal.make(
    413,
    "body_too_complex",
    `The body holds too many values: they may take ${share} bytes once they are parsed`,
    { field: "body" },
  )

export const tooSlow = (within: Duration.Duration) =>
  new Refusal.Refusal({
    httpStatus: 408,
    body: {
      error: "body_timeout",
      detail: `The body must arrive within ${Duration.format(within)}`,
      field: "body",
    },
    headers: { connection: "close" },
  })
