"""Runs in the bundle before Hearth does. The bundle's start names its own libraries to the loader
by the environment; whatever Hearth starts (a browser, a file manager) must not be given them.
"""

import os
import sys

for _name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH"):
    _before = os.environ.pop(f"{_name}_ORIG", None)
    if _before is not None:
        os.environ[_name] = _before
    else:
        os.environ.pop(_name, None)
#: PyInstaller names our plug-ins of Qt right after this, in place of what the person had set. That
#: is put back by app.gui.surroundings, once Qt has found them.
_kept = {name: os.environ.get(name) for name in ("QT_PLUGIN_PATH", "QML2_IMPORT_PATH")}
setattr(sys, "hearth_environment", _kept)  # noqa: B010 - nobody else knows of it
# A package of the system may exchange the program while it runs. What is imported later is then
# read from the one that was started, and not from other places of another file.
if sys.platform == "linux":
    try:
        _modules = sys.modules["pyimod02_importers"].pyz_archive
        _modules._filename = f"/proc/self/fd/{os.open(_modules._filename, os.O_RDONLY)}"
    except (KeyError, AttributeError, OSError):
        pass
for _name in [name for name in os.environ if name.startswith("_PYI_")]:
    del os.environ[_name]
