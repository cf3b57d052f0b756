/** Rows stay where they are while a pointer or the focus is on one, and take their order after it. */
import { useRef, useState } from "react"

/** The order of before, without those that are no longer there and with new ones at the end. */
export const keepOrder = <A>(
  items: ReadonlyArray<A>,
  before: ReadonlyArray<string>,
  idOf: (item: A) => string,
): ReadonlyArray<A> => {
  const places = new Map(before.map((id, place) => [id, place]))
  const placeOf = (item: A): number => places.get(idOf(item)) ?? before.length
  return items.toSorted((a, b) => placeOf(a) - placeOf(b))
}

/** `hold` are the handlers of the element that has the rows. */
export const useSteadyOrder = <A>(sorted: ReadonlyArray<A>, idOf: (item: A) => string) => {
  const [isTouched, setTouched] = useState(false)
  const before = useRef<ReadonlyArray<string>>([])
  const rows = isTouched ? keepOrder(sorted, before.current, idOf) : sorted
  before.current = rows.map(idOf)
  return {
    rows,
    hold: {
      onPointerEnter: () => setTouched(true),
      onPointerLeave: () => setTouched(false),
      onFocus: () => setTouched(true),
      onBlur: () => setTouched(false),
    },
  }
}
