import { memo } from "react"
import { bucketCount, type Bucket } from "./timeStrip"

const step = 8
const width = bucketCount * step
const height = 40
const tallest = 33
const barWidth = 6.4

/** A bucket has runs submitted in it, and runs that failed in it, which may have been submitted before. */
const Bar = ({
  bucket,
  index,
  scale,
}: {
  readonly bucket: Bucket
  readonly index: number
  readonly scale: number
}) => {
  const x = index * step + 0.8
  const total = Math.max(bucket.submitted, bucket.failed) * scale
  if (total === 0) return null
  const failed = bucket.failed === 0 ? 0 : Math.max(1.2, bucket.failed * scale)
  const rest = Math.max(0, Math.max(total, 1.5) - failed)
  return (
    <>
      {rest === 0 ? null : (
        <rect x={x} y={height - rest} width={barWidth} height={rest} fill="var(--claimed)" opacity={0.85} />
      )}
      {failed === 0 ? null : (
        <rect
          x={x}
          y={height - rest - failed - (rest === 0 ? 0 : 0.6)}
          width={barWidth}
          height={failed}
          fill="var(--failed)"
        />
      )}
    </>
  )
}

export const StripBars = memo(
  ({ buckets, label }: { readonly buckets: ReadonlyArray<Bucket>; readonly label: string }) => {
    const most = buckets.reduce((most, { failed, submitted }) => Math.max(most, failed, submitted), 0)
    return (
      <svg
        role="img"
        aria-label={label}
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        className="absolute inset-0 size-full"
      >
        {buckets.map((bucket, index) => (
          <Bar key={bucket.start} bucket={bucket} index={index} scale={most === 0 ? 0 : tallest / most} />
        ))}
      </svg>
    )
  },
)
