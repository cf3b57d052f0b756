/** What the tree of runs may spend, and what it has spent. */
import { Panel } from "../../../ui/Panel"
import { amount, type Budget, limitLabels, limitNames } from "../question/budgetLimits"
import { Fact, FactList } from "./FactList"

export const BudgetPanel = ({ budget, note }: { readonly budget: Budget; readonly note: string }) => (
  <Panel title="Budget" note={note}>
    <FactList>
      {limitNames.map((name) => {
        const limit = budget.limits[name]
        const spent = budget.spent[name] ?? 0
        if (limit === undefined) return null
        const share = Math.min(1, spent / limit)
        return (
          <Fact key={name} label={limitLabels[name]}>
            {amount(name, spent)} of {amount(name, limit)}
            <div
              role="meter"
              aria-label={`${limitLabels[name]} spent`}
              aria-valuemin={0}
              aria-valuemax={limit}
              aria-valuenow={Math.min(spent, limit)}
              className="mt-[5px] h-1 overflow-hidden rounded-[2px] bg-line"
            >
              <div
                className={`h-full ${share >= 1 ? "bg-failed" : "bg-ink-2"}`}
                style={{ width: `${share * 100}%` }}
              />
            </div>
          </Fact>
        )
      })}
    </FactList>
  </Panel>
)
