; What the installer and the uninstaller share.

!include LogicLib.nsh

; End with an exit code and a sentence: shown, or where nobody is there to see it, in a file.
!macro EndWith CODE TEXT
  SetErrorLevel ${CODE}
  ${If} ${Silent}
    FileOpen $9 "$TEMP\hearth-setup.log" w
    FileWriteUTF16LE /BOM $9 "${TEXT}$\r$\n"
    FileClose $9
  ${Else}
    MessageBox MB_OK|MB_ICONSTOP "${TEXT}"
  ${EndIf}
  Quit
!macroend
!define EndWith "!insertmacro EndWith"

; A program that runs, or that a virus scanner holds, cannot be replaced: ask, or wait 10 s.
!macro WaitUntilFree PATH
  StrCpy $8 0
  ${DoWhile} ${FileExists} "${PATH}"
    ClearErrors
    FileOpen $9 "${PATH}" a
    ${IfNot} ${Errors}
      FileClose $9
      ${ExitDo}
    ${EndIf}
    ${If} ${Silent}
      IntOp $8 $8 + 1
      ${If} $8 > 20
        ${EndWith} 5 "Hearth is running, or another program holds “${PATH}”. Close it, and try again."
      ${EndIf}
      Sleep 500
    ${ElseIf} ${Cmd} `MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "Hearth is running, or a virus \
scanner holds its file. Close Hearth and try again." IDCANCEL`
      SetErrorLevel 5
      Quit
    ${EndIf}
  ${Loop}
!macroend
!define WaitUntilFree "!insertmacro WaitUntilFree"

; Everything that is known to Windows about .gguf files by us, and of others nothing.
!macro ForgetFiles
  ReadRegStr $9 SHCTX "Software\Classes\.gguf" ""
  ${If} $9 == "${TYPE}"
    DeleteRegValue SHCTX "Software\Classes\.gguf" ""
  ${EndIf}
  DeleteRegValue SHCTX "Software\Classes\.gguf\OpenWithProgids" "${TYPE}"
  DeleteRegKey /ifempty SHCTX "Software\Classes\.gguf\OpenWithProgids"
  ; A key with a value counts as empty, so the value is looked at.
  ReadRegStr $9 SHCTX "Software\Classes\.gguf" ""
  ${If} $9 == ""
    DeleteRegKey /ifempty SHCTX "Software\Classes\.gguf"
  ${EndIf}
  DeleteRegKey SHCTX "Software\Classes\${TYPE}"
  DeleteRegValue SHCTX "Software\RegisteredApplications" "${NAME}"
  DeleteRegKey SHCTX "${CAPABILITIES}"
  DeleteRegKey /ifempty SHCTX "Software\Hearth"
  ${RefreshShellIcons}
!macroend
!define ForgetFiles "!insertmacro ForgetFiles"
