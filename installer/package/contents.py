"""What belongs into the bundle and what does not, as lists. `build.spec` and the checks read them.

Knows names alone: nothing here looks at the disk, but `program_files` and `modules_of`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path, PurePath

#: Qt's modules that the window imports.
QT_MODULES = ("QtCore", "QtGui", "QtNetwork", "QtSvg", "QtWidgets")

#: Qt's own libraries, by the name between "Qt6" and the ending: the modules, and what they need.
QT_LIBRARIES = (
    *(name.removeprefix("Qt") for name in QT_MODULES),
    *("DBus", "WaylandClient", "XcbQpa"),
)

#: Qt's plug-ins, by folder. The window draws on the processor and opens no picture but its own
#: icons; what speaks TLS or watches the network is Hearth's business, not Qt's.
QT_PLUGINS = {
    "linux": {
        "iconengines": ("qsvgicon",),
        "imageformats": ("qsvg",),
        "platforminputcontexts": (
            "composeplatforminputcontextplugin",
            "ibusplatforminputcontextplugin",
        ),
        "platforms": ("qoffscreen", "qwayland", "qxcb"),
        # Native file dialogs. The GTK one would bring GTK and thirty libraries more.
        "platformthemes": ("qxdgdesktopportal",),
        "wayland-decoration-client": ("adwaita", "bradient"),
        "wayland-shell-integration": ("xdg-shell",),
    },
    "win32": {
        "iconengines": ("qsvgicon",),
        "imageformats": ("qico", "qsvg"),
        "platforms": ("qoffscreen", "qwindows"),
        "styles": ("qmodernwindowsstyle",),
    },
    "darwin": {
        "iconengines": ("qsvgicon",),
        "imageformats": ("qicns", "qsvg"),
        "platforms": ("qcocoa", "qoffscreen"),
        "styles": ("qmacstyle",),
    },
}

#: Found while running, by a name in a string, where the analysis cannot see it.
HIDDEN_MODULES = {
    "linux": ("keyring.backends.SecretService", "keyring.backends.kwallet"),
    "win32": ("keyring.backends.Windows",),
    "darwin": ("keyring.backends.macOS",),
}

#: Never to be found inside: what tests and types need, what other faces of our libraries need.
UNWANTED_MODULES = (
    *("tests", "pytest", "_pytest", "hypothesis", "mypy", "mypyc", "gguf", "importlinter"),
    *("setuptools", "pkg_resources", "_distutils_hack", "pip", "ensurepip", "venv"),
    *("tkinter", "turtle", "idlelib", "lib2to3", "unittest", "doctest", "pydoc", "pdb"),
    *("curses", "readline", "rlcompleter", "sqlite3.dump", "dbm", "xmlrpc", "wsgiref"),
    # llama-cpp-python's high-level class; the bindings alone are used.
    *("numpy", "diskcache", "llama_cpp.llama", "llama_cpp.server"),
    # A second network stack, and the faces of the hub's library that start by themselves.
    *("hf_xet", "requests", "urllib3", "rich", "IPython", "torch", "tensorflow", "PIL"),
    *("huggingface_hub.cli", "keyring.testing", "keyring.cli", "trio", "h2", "socksio"),
    *("PyInstaller", "_pyinstaller_hooks_contrib", "altgraph"),
)

#: Libraries that the system has, by the Debian package that brings each. The graphics drivers
#: bind to the same ones: a bundle with an older libstdc++ than a driver wants leaves no driver.
SYSTEM_LIBRARIES = {
    "libc6": r"(libc|libm|libdl|libpthread|librt|libresolv|libutil|ld-linux[\w-]*|libmvec)\.so.*",
    "libstdc++6": r"libstdc\+\+\.so.*",
    "libgcc-s1": r"libgcc_s\.so.*",
    "zlib1g": r"libz\.so.*",
    "libzstd1": r"libzstd\.so.*",
    "libexpat1": r"libexpat\.so.*",
    "libgl1": r"lib(GL|GLX|GLdispatch)\.so.*",
    "libegl1": r"lib(EGL|gbm|drm)\.so.*",
    "libvulkan1": r"libvulkan\.so.*",
    "libwayland-client0": r"libwayland-client\.so.*",
    "libwayland-cursor0": r"libwayland-cursor\.so.*",
    "libx11-6": r"lib(X11|Xau|Xdmcp|bsd|md)\.so.*",
    "libx11-xcb1": r"libX11-xcb\.so.*",
    "libxcb1": r"libxcb\.so.*",
    "libxcb-cursor0": r"libxcb-cursor\.so.*",
    "libxcb-icccm4": r"libxcb-icccm\.so.*",
    "libxcb-image0": r"libxcb-image\.so.*",
    "libxcb-keysyms1": r"libxcb-keysyms\.so.*",
    "libxcb-randr0": r"libxcb-randr\.so.*",
    "libxcb-render0": r"libxcb-render\.so.*",
    "libxcb-render-util0": r"libxcb-render-util\.so.*",
    "libxcb-shape0": r"libxcb-shape\.so.*",
    "libxcb-shm0": r"libxcb-shm\.so.*",
    "libxcb-sync1": r"libxcb-sync\.so.*",
    "libxcb-util1": r"libxcb-util\.so.*",
    "libxcb-xfixes0": r"libxcb-xfixes\.so.*",
    "libxcb-xkb1": r"libxcb-xkb\.so.*",
}

#: Opened only where there are graphics cards, or Wayland: without them Hearth computes on the
#: processor, and its window is one of X11.
OPTIONAL_LIBRARIES = ("libvulkan1", "libwayland-cursor0")

#: The oldest system that the bundle starts on, as the versions of symbols that its files ask for:
#: Ubuntu 22.04, Debian 12, Fedora 36. Newer demands are a fault of the machine that it is made on.
OLDEST = {"GLIBC": (2, 35), "GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13)}

#: Bytes of the whole bundle as `xz` packs it.
MOST_PACKED_BYTES = 120_000_000

#: Names that no file inside may have, and why.
UNWANTED_FILES = {
    r"lib(gtk|gdk|gio|gobject|pango|atk|cairo|gdk_pixbuf)[-_\w.]*": "GTK and what it drags in",
    r".*\.(qm|ts)": "translations of Qt's own texts",
    r".*\.(pyi|h|hpp|cmake|a|la|qml|qmltypes)": "a file for developers",
    r"(test_.*|.*_test)\.py[co]?": "a test",
    r".*\.(jsonl|gguf\.part)": "what the built-in model was made of",
}


def system() -> str:
    """The system that is packaged for, as `sys.platform` names it."""
    return "linux" if sys.platform.startswith("linux") else sys.platform


def is_wanted_of_qt(place: str, for_system: str) -> bool:
    """Whether a file below PySide6/ is used: `place` is its path in the bundle."""
    path = PurePath(place)
    parts = [part.lower() for part in path.parts]
    if "translations" in parts or "qml" in parts:
        return False
    if "plugins" in parts:
        folder, name = path.parts[-2], re.sub(r"^lib|\.(so|dll|dylib)$", "", path.name)
        return name in QT_PLUGINS[for_system].get(folder, ())
    if found := re.match(r"(?:lib)?Qt6?([A-Z]\w*?)(?:\.so.*|\.dll|\.dylib|)$", path.name):
        return found[1] in QT_LIBRARIES
    if found := re.match(r"(Qt\w+)\.(abi3\.so|pyd)$", path.name):
        return found[1] in QT_MODULES
    # Qt's software renderer for what is drawn with OpenGL: nothing here is.
    return path.name.lower() not in ("opengl32sw.dll", "d3dcompiler_47.dll")


def package_of(library: str) -> str | None:
    """The Debian package of a library that the system has; None if the bundle must bring it."""
    for package, names in SYSTEM_LIBRARIES.items():
        if re.fullmatch(names, library):
            return package
    return None


def unwanted(name: str) -> str:
    """Why a file of this name has no place in the bundle; empty if it has."""
    for pattern, why in UNWANTED_FILES.items():
        if re.fullmatch(pattern, name):
            return why
    return ""


def program_files(root: Path) -> list[tuple[str, str]]:
    """Hearth's own data: (file, folder in the bundle), as `foundation.paths.resource` finds it."""
    starter = root / "resources" / "starter"
    found = [(root / "models.toml", "resources")]
    names = ("guide.gguf", "guide.sha256", "golden.json")
    found += [(starter / name, "resources/starter") for name in names]
    icons = root / "resources" / "icons"
    found += [(path, "resources/icons") for path in sorted(icons.iterdir()) if path.is_file()]
    return [(str(path), folder) for path, folder in found if path.name != "README.md"]


def modules_of(root: Path) -> list[str]:
    """Every module of Hearth: commands and helpers are found by their names."""
    names = []
    for path in sorted(root.glob("app/**/*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in names if name != "app.__main__"]


def is_system_library(place: str, for_system: str) -> bool:
    """Whether a library that the analysis found is left to the system."""
    return for_system == "linux" and package_of(PurePath(place).name) is not None


def packages_needed(libraries: Iterable[str]) -> list[str]:
    """The Debian packages of these libraries, those that may be missing left out."""
    found = {package_of(name) for name in libraries}
    return sorted(name for name in found if name and name not in OPTIONAL_LIBRARIES)
