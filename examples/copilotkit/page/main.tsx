import { CopilotKitProvider } from "@copilotkit/react-core/v2"
import "@copilotkit/react-core/v2/styles.css"
import { createRoot } from "react-dom/client"
import { App } from "./App.js"
import "./style.css"

/** The address contains the thread's id, so that a reload, or another window, shows the same thread. */
const threadOfAddress = (): string => {
  const address = new URL(location.href)
  const threadId = address.searchParams.get("thread") ?? crypto.randomUUID()
  address.searchParams.set("thread", threadId)
  history.replaceState(null, "", address)
  return threadId
}

createRoot(document.getElementById("root")!).render(
  <CopilotKitProvider runtimeUrl="/api/copilotkit" enableInspector={false}>
    <App threadId={threadOfAddress()} />
  </CopilotKitProvider>,
)
