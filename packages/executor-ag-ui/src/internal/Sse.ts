/** Decodes server-sent events of bounded size from chunks of any size. */
import { Stream } from "effect"
import { createParser } from "eventsource-parser"

/**
 * The data of one event. `ended`: the stream ended without an empty line after the event, so the event may be cut off.
 * `TooLarge` replaces an event over the limit and is the last item.
 */
export type Item =
  | { readonly _tag: "Data"; readonly data: string; readonly ended: boolean }
  | { readonly _tag: "TooLarge" }

/** The bytes of a line besides its data. */
const framing = "data: \r\n".length

/**
 * The events of a stream of bytes. Bytes that are not UTF-8 become U+FFFD, as the standard demands.
 *
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export const decode =
  (maxEventBytes: number) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Item, E, R> =>
    Stream.suspend(() => {
      const decoder = new TextDecoder()
      let items: Array<Item> = []
      let ended = false
      let over = false

      const refuse = () => {
        if (!over) items.push({ _tag: "TooLarge" })
        over = true
      }
      const parser = createParser({
        // The parser counts UTF-16 units, which are never more than the bytes. `onEvent` measures whole events exactly.
        maxBufferSize: maxEventBytes + framing,
        onEvent: ({ data }) => {
          if (over) return
          if (data.length * 3 > maxEventBytes && Buffer.byteLength(data) > maxEventBytes) refuse()
          else items.push({ _tag: "Data", data, ended })
        },
        onError: ({ type }) => {
          if (type === "max-buffer-size-exceeded") refuse()
        },
      })
      const feed = (text: string): ReadonlyArray<Item> => {
        if (!over) parser.feed(text)
        const decoded = items
        items = []
        return decoded
      }

      return Stream.concat(
        Stream.mapConcat(bytes, (chunk) => feed(decoder.decode(chunk, { stream: true }))),
        Stream.suspend(() => {
          ended = true
          return Stream.fromIterable(feed(`${decoder.decode()}\n\n`))
        }),
      )
    })
