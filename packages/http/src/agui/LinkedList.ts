/** A list in which no step takes longer in a longer list: to add behind an item, to remove one, and to compare two places. */

/** What an item of a list begins with. It is in one list at most. */
export interface Linked<A> {
  before: A | undefined
  after: A | undefined
  /** Grows from the beginning of the list to its end; undefined outside of a list. */
  order: number | undefined
  /** How often it has left a place. */
  moves: number
}

export const unlinked = { before: undefined, after: undefined, order: undefined, moves: 0 } as const

export interface LinkedList<A extends Linked<A>> {
  readonly first: () => A | undefined
  /** The items from the first on. */
  readonly all: () => ReadonlyArray<A>
  /** Adds an item behind another one, or at the end. */
  readonly add: (item: A, behind?: A) => void
  readonly remove: (item: A) => void
  readonly isBefore: (item: A, other: A) => boolean
  readonly clear: () => void
}

/** Room for some forty items between two, before all get new numbers. */
const gap = 2 ** 40

export const make = <A extends Linked<A>>(): LinkedList<A> => {
  let first: A | undefined
  let last: A | undefined

  const renumber = (): void => {
    let order = 0
    for (let item = first; item !== undefined; item = item.after) item.order = order += gap
  }

  const place = (item: A): void => {
    const { after, before } = item
    if (after === undefined) item.order = (before?.order ?? 0) + gap
    else {
      const least = before?.order ?? after.order! - 2 * gap
      item.order = (least + after.order!) / 2
      if (item.order <= least || item.order >= after.order!) renumber()
    }
  }

  return {
    first: () => first,
    all: () => {
      const items: Array<A> = []
      for (let item = first; item !== undefined; item = item.after) items.push(item)
      return items
    },
    add: (item, behind = last) => {
      item.before = behind
      item.after = behind === undefined ? first : behind.after
      if (item.before === undefined) first = item
      else item.before.after = item
      if (item.after === undefined) last = item
      else item.after.before = item
      place(item)
    },
    remove: (item) => {
      if (item.order === undefined) return
      if (item.before === undefined) first = item.after
      else item.before.after = item.after
      if (item.after === undefined) last = item.before
      else item.after.before = item.before
      item.before = item.after = item.order = undefined
      item.moves += 1
    },
    isBefore: (item, other) => (item.order ?? 0) < (other.order ?? 0),
    clear: () => {
      for (let item = first; item !== undefined;) {
        const { after } = item
        item.before = item.after = item.order = undefined
        item.moves += 1
        item = after
      }
      first = last = undefined
    },
  }
}
