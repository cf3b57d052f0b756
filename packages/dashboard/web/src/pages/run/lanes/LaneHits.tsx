/** The segments as buttons over the picture: for the pointer, for keys, and as a list for screen readers. */
import type { Hit } from "./drawing"
import { lane } from "./drawing"
import { sentenceOf } from "./describe"

const least = 14

export const LaneHits = ({
  current,
  hits,
  now,
  onPoint,
  onSelect,
  selected,
}: {
  readonly hits: ReadonlyArray<Hit>
  readonly now: number
  /** The one that Tab comes to. */
  readonly current: string | undefined
  readonly selected: string | null
  readonly onSelect: (id: string) => void
  readonly onPoint: (id: string | null) => void
}) => (
  <ul aria-label="Segments, in the order of time">
    {hits
      .toSorted((a, b) => a.segment.from - b.segment.from)
      .map(({ row, segment, width, x }) => {
        const shown = Math.max(least, width)
        return (
          <li key={segment.id}>
            <button
              type="button"
              data-segment={segment.id}
              tabIndex={segment.id === current ? 0 : -1}
              aria-pressed={segment.id === selected}
              aria-label={sentenceOf(segment, now)}
              className="absolute h-6 rounded-[3px] aria-pressed:outline-2 aria-pressed:-outline-offset-2 aria-pressed:outline-accent"
              style={{ left: x - (shown - width) / 2, width: shown, top: 22 + row * lane }}
              onClick={() => onSelect(segment.id)}
              onFocus={() => onSelect(segment.id)}
              onPointerEnter={() => onPoint(segment.id)}
              onPointerLeave={() => onPoint(null)}
            />
          </li>
        )
      })}
  </ul>
)
