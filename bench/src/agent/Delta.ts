/** The text of a delta: which answer of the model it is of, its place there, and when it was produced. */

export interface Delta {
  /** The number of the request that it answers. */
  readonly request: number
  readonly index: number
  /** Microseconds of the machine's monotonic clock. */
  readonly producedAt: number
}

export const now = (): number => Number(process.hrtime.bigint() / 1000n)

const radix = 36

export const textOf = ({ index, producedAt, request }: Delta): string =>
  `${[request, index, producedAt].map((part) => part.toString(radix)).join(".")} `

const form = /^([0-9a-z]+)\.([0-9a-z]+)\.([0-9a-z]+) $/

/** Undefined for a text that is not one whole delta. */
export const parse = (text: string): Delta | undefined => {
  const parts = form.exec(text)
  if (parts === null) return undefined
  const [request, index, producedAt] = parts.slice(1).map((part) => Number.parseInt(part, radix))
  return { request: request!, index: index!, producedAt: producedAt! }
}
