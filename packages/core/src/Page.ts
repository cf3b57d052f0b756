/**
 * One page of a longer list.
 *
 * @since 0.1.0
 */

/** `cursor` is a `next` of an earlier page; `limit` is 1 to 100, 50 when absent. */
export interface PageRequest {
  readonly cursor?: string | undefined
  readonly limit?: number | undefined
}

/** `next` is null on the last page. */
export interface Page<out A> {
  readonly items: ReadonlyArray<A>
  readonly next: string | null
}

export const defaultLimit = 50
export const maxLimit = 100
