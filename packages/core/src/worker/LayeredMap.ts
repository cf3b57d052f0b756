/**
 * A few entries in front of those of a map that does not change.
 *
 * The context of a run has the hundred services of its worker and a few of its own. To copy them for each run costs more than all the
 * look-ups of most runs.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export class LayeredMap<K, V> extends Map<K, V> {
  /** Both maps in one, from the first time that all entries are needed until one is set. */
  private whole: Map<K, V> | undefined

  constructor(private readonly base: ReadonlyMap<K, V>) {
    super()
  }

  private all(): Map<K, V> {
    if (this.whole === undefined) {
      const whole = new Map(this.base)
      super.forEach((value, key) => whole.set(key, value))
      this.whole = whole
    }
    return this.whole
  }

  override get size(): number {
    return this.all().size
  }

  override get(key: K): V | undefined {
    return super.has(key) ? super.get(key) : this.base.get(key)
  }

  override has(key: K): boolean {
    return super.has(key) || this.base.has(key)
  }

  override set(key: K, value: V): this {
    this.whole = undefined
    return super.set(key, value)
  }

  override forEach(f: (value: V, key: K, map: Map<K, V>) => void): void {
    this.all().forEach(f)
  }

  override entries(): MapIterator<[K, V]> {
    return this.all().entries()
  }

  override keys(): MapIterator<K> {
    return this.all().keys()
  }

  override values(): MapIterator<V> {
    return this.all().values()
  }

  override [Symbol.iterator](): MapIterator<[K, V]> {
    return this.all().entries()
  }
}
