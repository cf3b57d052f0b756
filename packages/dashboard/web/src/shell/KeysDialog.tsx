/** All keys that do something on this page. */
import { Kbd } from "../ui/Kbd"
import { everywhere, useKeyGroups } from "../ui/keys"
import { ModalDialog } from "../ui/ModalDialog"
import { isMac } from "../ui/platform"
import { keyCaps } from "../ui/strokes"
import { byTitle } from "./keyList"

const KeysDialog = ({ onClose }: { readonly onClose: () => void }) => {
  const groups = useKeyGroups()
  return (
    <ModalDialog title="Keys" onClose={onClose} width={440}>
      <div className="grid gap-4 px-4 pb-4">
        {byTitle(groups, everywhere).map(({ keys, title }) => (
          <section key={title} aria-label={title}>
            <h3 className="mb-1 text-small font-medium text-ink-3">{title}</h3>
            <dl>
              {keys.map(({ label, names }) => (
                <div key={label} className="flex items-center gap-3 border-t border-line py-1.5">
                  <dt className="grow">{label}</dt>
                  <dd className="flex items-center gap-1 text-small text-ink-3">
                    {names.map((name, index) => (
                      <span key={name} className="flex items-center gap-1">
                        {index === 0 ? null : "or"}
                        {keyCaps(name, isMac).map((cap) => (
                          <Kbd key={cap}>{cap}</Kbd>
                        ))}
                      </span>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <p className="text-small text-ink-3">
          No single key approves, cancels or drains. Keys rest while you type.
        </p>
      </div>
    </ModalDialog>
  )
}

export default KeysDialog
