import { CopilotKitProvider } from "@copilotkit/react-core/v2"
import "@copilotkit/react-core/v2/styles.css"
import { createRoot } from "react-dom/client"
import { App } from "./App.js"
import { useSession } from "./session.js"
import "./style.css"

const Page = () => {
  const session = useSession()
  if (session === undefined) return null
  return (
    <CopilotKitProvider
      runtimeUrl="/api/copilotkit"
      headers={session.headers}
      onError={({ error }) => {
        console.error(error)
        // The token has ended, for example while the computer slept. The visitor can send the message again.
        if (/\b401\b/.test(error.message)) session.renew()
      }}
      enableInspector={false}
    >
      <App threadId={session.threadId} />
    </CopilotKitProvider>
  )
}

createRoot(document.getElementById("root")!).render(<Page />)
