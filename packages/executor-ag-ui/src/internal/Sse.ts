/** Server-sent events as they come, in whatever pieces, each of bounded size. */
import { Stream } from "effect"
import { createParser } from "eventsource-parser"

/**
 * The data of one event. `ended` says that it is the last and that no empty line came after it, so that it may be cut
 * off. `tooLarge` takes the place of an event over the limit; nothing comes after it.
 */
export type Item =
  | { readonly _tag: "Data"; readonly data: string; readonly ended: boolean }
  | { readonly _tag: "TooLarge" }

/** What a line of an event may hold beside its data. */
const framing = "data: \r\n".length

/**
 * The events of a stream of bytes. Bytes that are no UTF-8 become U+FFFD, as the standard says.
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
        // Counts UTF-16 units, of which a text has no more than bytes; what is whole is measured exactly.
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
        const taken = items
        items = []
        return taken
      }

      return Stream.concat(
        Stream.mapConcat(bytes, (chunk) => feed(decoder.decode(chunk, { stream: true }))),
        Stream.suspend(() => {
          ended = true
          return Stream.fromIterable(feed(`${decoder.decode()}\n\n`))
        }),
      )
    })
