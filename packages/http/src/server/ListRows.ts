/** The rows of a list. One that its schema does not take is left out and named in the log, so it does not take the list down. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, ParseResult, Schema } from "effect"
import { pageInfo } from "../Wire.js"

/** What identifies a row in the log. No value of it goes there. */
type Name<Row> = (row: Row) => string

const placeOf = (error: unknown): string =>
  ParseResult.isParseError(error)
    ? ParseResult.ArrayFormatter.formatErrorSync(error)
        .map(({ path }) => path.map(String).join("."))
        .join(", ")
    : "unknown"

/** Encodes rows; `toItem` returns a row as its schema takes it. */
export const encode = <Row, A, I>(
  schema: Schema.Schema<A, I>,
  rows: ReadonlyArray<Row>,
  toItem: (row: Row) => A,
  nameOf: Name<Row>,
): Effect.Effect<ReadonlyArray<I>> =>
  Effect.gen(function* () {
    const encodeItem = Schema.encodeSync(schema)
    const encoded: Array<I> = []
    for (const row of rows) {
      const item = Either.try({ try: () => encodeItem(toItem(row)), catch: placeOf })
      if (Either.isRight(item)) encoded.push(item.right)
      else yield* Effect.logError(`${nameOf(row)} is left out of a list: its ${item.left} does not fit`)
    }
    return encoded
  })

/** Answers with a page of a list. */
export const respond = <Row, A, I>(
  schema: Schema.Schema<A, I>,
  page: { readonly items: ReadonlyArray<Row>; readonly next: string | null },
  toItem: (row: Row) => A,
  nameOf: Name<Row>,
  options: { readonly cursor?: string | undefined; readonly searched?: number | null },
): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(encode(schema, page.items, toItem, nameOf), (data) =>
    HttpServerResponse.unsafeJson({
      data,
      page_info: pageInfo(options.cursor, page.next),
      ...(options.searched === undefined ? {} : { searched: options.searched }),
    }),
  )
