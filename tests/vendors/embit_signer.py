"""A cosigner that signs with embit, for the tests.

Each line on standard input is one JSON request, each line on standard output its answer:

    {"psbt": BASE64, "key": MASTER_XPRV, "form": FORM}  ->  {"psbt": BASE64, "signatures": NUMBER}

An answer may be {"error": TEXT} instead. `form` is what kind of device is played; each sends
back what such devices send back:

    whole      the file as it came, with signatures added
    minimal    nothing but what the version of the format asks for, and signatures
    partial    without derivations and previous transactions, the amounts still there
    trimmed    a new file of version 0 around the transaction, with signatures
    other      the file in the other version of the format
    stream     signed by embit's reader for small devices, which never holds the whole file
    small      the same, and nothing but signatures written
    finished   inputs finalized, for plain multisig; signatures of others must be there
"""

import json
import sys
from binascii import a2b_base64, b2a_base64
from collections import OrderedDict
from io import BytesIO

from embit.bip32 import HDKey
from embit.finalizer import finalize_psbt
from embit.psbt import PSBT, CompressMode
from embit.psbtview import PSBTView


def sign(request):
    data = a2b_base64(request["psbt"])
    key = HDKey.from_string(request["key"])
    form = request.get("form", "whole")
    if form in ("stream", "small"):
        return stream(data, key, CompressMode.CLEAR_ALL if form == "small" else None)
    psbt = PSBT.parse(data)
    # Previous transactions must be what the inputs say, as on a hardware wallet.
    psbt.verify(ignore_missing=True)
    count = psbt.sign_with(key)
    if form == "minimal":
        clear(psbt, CompressMode.CLEAR_ALL)
    elif form == "partial":
        clear(psbt, CompressMode.PARTIAL)
    elif form == "trimmed":
        psbt = trimmed(psbt)
    elif form == "other":
        psbt.version = None if psbt.version == 2 else 2
    elif form == "finished":
        psbt = finished(psbt)
    elif form != "whole":
        raise ValueError("no such form: " + form)
    return psbt.serialize(), count


def clear(psbt, mode):
    psbt.unknown = {}
    psbt.xpubs = OrderedDict()
    for scope in psbt.inputs + psbt.outputs:
        scope.clear_metadata(compress=mode)


def trimmed(psbt):
    fresh = PSBT(psbt.tx)
    for ours, theirs in zip(fresh.inputs, psbt.inputs):
        ours.partial_sigs = theirs.partial_sigs
        ours.taproot_sigs = theirs.taproot_sigs
        ours.final_scriptwitness = theirs.final_scriptwitness
    return fresh


def finished(psbt):
    final = finalize_psbt(psbt)
    if final is None:
        raise ValueError("embit can't finalize it")
    fresh = PSBT(psbt.tx)
    for scope, vin in zip(fresh.inputs, final.vin):
        scope.final_scriptsig = vin.script_sig if vin.script_sig.data else None
        scope.final_scriptwitness = vin.witness if vin.witness.items else None
    return fresh


def stream(data, key, compress):
    view = PSBTView.view(BytesIO(data))
    signatures = BytesIO()
    count = view.sign_with(key, signatures)
    signatures.seek(0)
    out = BytesIO()
    view.write_to(out, compress=compress, extra_input_streams=[signatures])
    return out.getvalue(), count


def answer(line):
    try:
        data, count = sign(json.loads(line))
    except Exception as error:  # whatever it is, the test shall read it
        return {"error": "%s: %s" % (type(error).__name__, error)}
    return {"psbt": b2a_base64(data, newline=False).decode(), "signatures": count}


for line in sys.stdin:
    print(json.dumps(answer(line)), flush=True)
