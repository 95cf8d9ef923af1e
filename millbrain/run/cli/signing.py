"""The commands that sign identifiers, certify signers and verify."""

import json
from pathlib import Path
from typing import Annotated

import typer

from millbrain.run.cli.options import Config, Data, out
from millbrain.run.settings import load

Handle = Annotated[str, typer.Argument(help="The handle, like 88.100.1/P7.")]
As = Annotated[str, typer.Option("--as", help="The signer, like 300:88.100.1/admin.")]
Key = Annotated[Path, typer.Option(help="Its private key: RSA in PEM, or SM2 in hexadecimal.")]
Days = Annotated[int, typer.Option(min=1, max=36_500, help="How long it holds.")]
Chain = Annotated[list[str] | None, typer.Option(help="Certificates above, from the nearest on.")]


def sign(
    handle: Handle, who: As, key: Key, days: Days = 365, chain: Chain = None, data: Data = None,
    config: Config = None,
) -> None:  # fmt: skip
    """Sign the values of an identifier and store the signatures with it.

    Example: `millbrain handles sign 88.100.1/P7 --as 300:88.100.1/admin --key admin.pem`
    """
    from millbrain.run.cli import signers

    signer = signers.read_signer(who, key)
    stored = signers.sign(load(data, config), handle, signer, days, chain or ())
    out.print(f"signed at index {', '.join(map(str, stored))}", highlight=False)


def certify(
    subject: Annotated[str, typer.Argument(help="Who may sign, like 300:88.100.1/maker.")],
    who: As,
    key: Key,
    may: Annotated[list[str], typer.Option(help="everything, thisHandle=H, ... =0.NA/PREFIX.")],
    days: Days = 365,
    chain: Chain = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Print a certificate of a signer, to be stored with its handle.

    Example: `millbrain handles certify 300:88.100.1/maker --as 300:88.1/top --key top.pem
    --may handlesUnderThisPrefix=0.NA/88.100.1`
    """
    from millbrain.run.cli import signers

    signer = signers.read_signer(who, key)
    print(json.dumps(signers.certify(load(data, config), subject, may, signer, days, chain or ())))


def verify(
    handle: Handle,
    roots: Annotated[
        Path | None, typer.Option(help="What is trusted; trusted_roots.json of the data folder.")
    ] = None,
    who: Annotated[str, typer.Option("--as", help="See what this identity may see.")] = "",
    key: Annotated[Path | None, typer.Option(help="Its private key.")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Check the signatures of an identifier and print what they say; exit code 1: not trusted."""
    from millbrain.run.cli import signers

    signer = signers.read_signer(who, key) if who and key else None
    report = signers.verify(load(data, config), handle, roots, signer)
    print(json.dumps(report.told(), ensure_ascii=False))
    raise typer.Exit(0 if report.is_trusted else 1)
