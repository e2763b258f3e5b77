from illinstr.articles import Article as Article
from illinstr.articles import Step as Step
from illinstr.errors import IllinstrError as IllinstrError
from illinstr.sampling.drawing.revision import open_run as open_run
from illinstr.workflows.api import Run as Run
from illinstr.workflows.api import edit as edit
from illinstr.workflows.api import generate as generate
from illinstr.workflows.api import load_model as load_model

__version__: str
__all__ = ["Article", "IllinstrError", "Run", "Step", "__version__", "edit", "generate", "load_model", "open_run"]
