"""Options that several commands share, and where they print."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder; also MILLBRAIN_DATA.", show_default="data"),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file instead of DATA/millbrain.toml.")
]
PortOption = Annotated[int | None, typer.Option(min=0, max=65_535, help="0 = any free port.")]

out = Console()
err = Console(stderr=True)
