import { Effect } from "effect"
import { Served } from "./serving.js"

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- a test looks into whatever came
  readonly json: any
}

export interface Call {
  readonly token?: string | null
  readonly body?: unknown
  /** Sent as it is, instead of `body`. */
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** One request by plain `fetch`, with the admin key unless another token, or null for none, is given. */
export const call = (method: string, path: string, { body, headers, text, token }: Call = {}) =>
  Effect.flatMap(Served, ({ key, url }) =>
    Effect.promise(async (signal): Promise<Answer> => {
      const sent = text ?? (body === undefined ? undefined : JSON.stringify(body))
      const response = await fetch(url + path, {
        method,
        signal,
        headers: {
          ...(sent === undefined ? {} : { "content-type": "application/json" }),
          ...(token === null ? {} : { authorization: `Bearer ${token ?? key}` }),
          ...headers,
        },
        ...(sent === undefined ? {} : { body: sent }),
      })
      const answered = await response.text()
      return { status: response.status, headers: response.headers, text: answered, json: parsed(answered) }
    }),
  )

/** Posts for a stream that is left once it has begun: the run goes on. Gives the status. */
export const leave = (path: string, body: object) =>
  Effect.flatMap(Served, ({ key, url }) =>
    Effect.promise(async (signal) => {
      const response = await fetch(url + path, {
        method: "POST",
        signal,
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify(body),
      })
      await response.body?.cancel()
      return response.status
    }),
  )
