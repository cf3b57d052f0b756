/** Requests to the API that serves this page, with the session that its browser has. */
import { paths, type Reply } from "./endpoints"
import { learnClock } from "./serverClock"

/** What the API refused, in its own words. `status` 0: it did not answer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** The run that it is about, where it names one. */
    readonly runId?: string,
  ) {
    super(message)
  }
}

type Name = keyof typeof paths

type QueryValue = string | number | boolean | undefined

export type Query = Readonly<Record<string, QueryValue | ReadonlyArray<string>>>

export interface RequestOptions {
  readonly path?: Readonly<Record<string, string>>
  /** A list is one parameter several times. */
  readonly query?: Query
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

/** The address of an endpoint, below the place where the page is mounted. */
export const urlOf = (name: Name, { path = {}, query = {} }: RequestOptions = {}): string => {
  const [, template = ""] = paths[name].split(" ")
  const filled = template.replace(/:(\w+)/g, (_, key: string) => encodeURIComponent(path[key] ?? ""))
  const url = new URL(`.${filled}`, document.baseURI)
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(key, String(one))
  }
  return url.href
}

const sessions = new EventTarget()

/** Notifies the listeners that the session is over. */
export const sessionEnded = (): void => {
  sessions.dispatchEvent(new Event("ended"))
}

export const onSessionEnded = (listener: () => void): (() => void) => {
  sessions.addEventListener("ended", listener)
  return () => sessions.removeEventListener("ended", listener)
}

const errorOf = async (response: Response): Promise<ApiError> => {
  const body = (await response.json().catch(() => ({}))) as {
    code?: string
    error?: string
    message?: string
    detail?: string
    run_id?: string
  }
  return new ApiError(
    response.status,
    body.code ?? body.error ?? "unknown",
    body.message ?? body.detail ?? `The server answered ${response.status}`,
    body.run_id,
  )
}

/** Sends a request and reads its answer. Fails: `ApiError`. */
export const send = async <N extends Name>(name: N, options: RequestOptions = {}): Promise<Reply<N>> => {
  const [method = "GET"] = paths[name].split(" ")
  const response = await fetch(urlOf(name, options), {
    method,
    headers: {
      accept: "application/json",
      ...options.headers,
      ...(options.body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error
    throw new ApiError(0, "unreachable", "The server does not answer")
  })
  learnClock(response)
  if (response.status === 401 && name !== "signIn") sessionEnded()
  if (!response.ok) throw await errorOf(response)
  return (response.status === 204 ? undefined : await response.json()) as Reply<N>
}
