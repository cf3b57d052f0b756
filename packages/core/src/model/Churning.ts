/**
 * A set and a map whose members come and go all the time, such as what is in flight.
 *
 * When V8 rehashes a `Set` or a `Map`, the table before keeps its members and refers to the next one, for iterators. Once one of these tables
 * is in old space, it keeps all that come after it, and their members, until the next full collection. So the collection is begun anew now
 * and then: no table before refers to that.
 */

/** The fewest additions after which it is begun anew. A larger one is begun after as many additions as it has members. */
const fewest = 512

/** @category models */
export class ChurningMap<K, V> implements Iterable<[K, V]> {
  #members = new Map<K, V>()
  #added = 0

  get size(): number {
    return this.#members.size
  }

  has(key: K): boolean {
    return this.#members.has(key)
  }

  get(key: K): V | undefined {
    return this.#members.get(key)
  }

  set(key: K, value: V): void {
    this.#members.set(key, value)
    this.#added += 1
    if (this.#added < fewest || this.#added < this.#members.size) return
    this.#members = new Map(this.#members)
    this.#added = 0
  }

  delete(key: K): boolean {
    return this.#members.delete(key)
  }

  keys(): IterableIterator<K> {
    return this.#members.keys()
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#members[Symbol.iterator]()
  }
}

/** @category models */
export class ChurningSet<A> implements Iterable<A> {
  readonly #members = new ChurningMap<A, undefined>()

  get size(): number {
    return this.#members.size
  }

  has(member: A): boolean {
    return this.#members.has(member)
  }

  add(member: A): void {
    this.#members.set(member, undefined)
  }

  delete(member: A): boolean {
    return this.#members.delete(member)
  }

  [Symbol.iterator](): IterableIterator<A> {
    return this.#members.keys()
  }
}

/** What one who only reads such a set needs of it. */
export type Members<A> = Iterable<A> & { readonly size: number }
