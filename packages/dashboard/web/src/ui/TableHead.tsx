/** The head of a table whose columns have widths of their own. */
import { headCell, rightHeadCell } from "./look"

export interface Column {
  readonly name: string
  readonly width?: `w-[${number}px]`
  /** A column of numbers. */
  readonly isRight?: boolean
  /** Its name is for screen readers alone. */
  readonly isUnnamed?: boolean
  /** What a pointer on its name shows. */
  readonly title?: string
  readonly className?: string
}

export const TableHead = ({ columns }: { readonly columns: ReadonlyArray<Column> }) => (
  <>
    <colgroup>
      {columns.map(({ className = "", name, width = "" }) => (
        <col key={name} className={`${width} ${className}`} />
      ))}
    </colgroup>
    <thead>
      <tr>
        {columns.map(({ className = "", isRight, isUnnamed, name, title }) => (
          <th
            key={name}
            className={`${isRight === true ? rightHeadCell : headCell} ${className}`}
            title={title}
          >
            {isUnnamed === true ? <span className="sr-only">{name}</span> : name}
          </th>
        ))}
      </tr>
    </thead>
  </>
)
