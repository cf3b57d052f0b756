import { Page } from "../../shell/Page"

const ThisPage = () => <Page title="Run">{null}</Page>

export default ThisPage
