; The installer for Windows, for one person or for everyone on the computer. Compiled by
; nsis.py beside this, which says what is in the bundle (FILES) and the rest:
;   VERSION NUMBERS ARCH SIZE_KIB FILES ICON DOCUMENT_ICON OUT, and SIGN where programs are signed.
;
; Words:  /S  no windows    /CurrentUser  /AllUsers  for whom    /D=FOLDER  where to (last)
;         /NoAssociation    leave .gguf files alone  /Downgrade   put an older version in place of a newer
; Ends with 0 done, 1 cancelled, 2 broken off, 3 not for this computer, 4 a newer one is here,
; 5 the program is running or a file is held, 6 only an administrator may, 7 not our folder,
; 8 no room.

Unicode true
!ifndef TARGET
  ; Runs everywhere, on Arm too: the 64-bit ones of NSIS do not on Windows 10 for Arm.
  !define TARGET x86-unicode
!endif
Target ${TARGET}
SetCompressor /SOLID lzma
; The stub asks for no more than a person may; for everyone it starts itself again as administrator.
RequestExecutionLevel user
ManifestDPIAware true
ManifestSupportedOS Win10
AllowSkipFiles off
CRCCheck force

!include LogicLib.nsh
!include FileFunc.nsh
!include WordFunc.nsh
!include WinVer.nsh
!include x64.nsh
!include nsDialogs.nsh
!include MUI2.nsh

!define NAME "Hearth"
!define PROGRAM "hearth.exe"
; In terminals, and as helper of the other; it holds the same libraries.
!define HELPER "hearth-cli.exe"
; Newer versions that Hearth itself has fetched for a person, and which of them is started.
!define FETCHED "$LOCALAPPDATA\hearth-program"
!define TYPE "Hearth.gguf"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Hearth"
!define CAPABILITIES "Software\Hearth\Capabilities"
!define APP_PATHS "Software\Microsoft\Windows\CurrentVersion\App Paths\${PROGRAM}"

Name "${NAME}"
OutFile "${OUT}"
BrandingText "Hearth ${VERSION}"
!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
VIProductVersion "${NUMBERS}"
VIAddVersionKey ProductName "${NAME}"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey FileDescription "Installs Hearth, an assistant that runs on your own computer"
VIAddVersionKey LegalCopyright "MIT licence"

!ifdef SIGN
  !finalize '${SIGN} "%1"' = 0
  !uninstfinalize '${SIGN} "%1"' = 0
!endif

Var Everyone     ; 1 for everyone on this computer
Var IsAdmin      ; 1 if this process may install for everyone
Var Associate    ; 1 to offer Hearth for .gguf files
Var Older        ; folder of the version that is here, or empty
Var OlderVersion
Var Radio
Var GoesBack     ; 1 if a person wants an older one in place of a newer
Var IsEveryones  ; in the uninstaller: 1 if this one is everyone's
Var IsUpgrade    ; in the uninstaller: the next version comes at once

!include "common.nsh"
!include "${FILES}"
!define /math SIZE_MIB ${SIZE_KIB} / 1024

!define MUI_ABORTWARNING
Page custom ForWhom ForWhomLeft
!define MUI_PAGE_HEADER_TEXT "Where Hearth goes"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_RUN
!define MUI_FINISHPAGE_RUN_TEXT "Open Hearth"
!define MUI_FINISHPAGE_RUN_FUNCTION OpenAsThePerson
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE English

Function .onInit
  ${IfNot} ${RunningX64}
    ${EndWith} 3 "Hearth needs 64-bit Windows; this one has 32 bits."
  ${EndIf}
  ${IfNot} ${AtLeastWin10}
    ${EndWith} 3 "Hearth needs Windows 10 or newer."
  ${EndIf}
  !if "${ARCH}" == "arm64"
    ${IfNot} ${IsNativeARM64}
      ${EndWith} 3 "This Hearth is for Arm processors. Get the one for x86-64."
    ${EndIf}
  !endif
  SetRegView 64
  StrCpy $Associate 1
  ${GetParameters} $R0
  ClearErrors
  ${GetOptions} $R0 "/NoAssociation" $R1
  ${IfNot} ${Errors}
    StrCpy $Associate 0
  ${EndIf}
  Call LearnRights
  Call ChooseForWhom
  Call FindOlder
FunctionEnd

; Whether this process is an administrator's.
Function LearnRights
  StrCpy $IsAdmin 0
  UserInfo::GetAccountType
  Pop $R1
  ${If} $R1 == "Admin"
    StrCpy $IsAdmin 1
  ${EndIf}
FunctionEnd

; By the words, else as the version that is here was installed, else for this person.
Function ChooseForWhom
  StrCpy $Everyone 0
  ReadRegStr $R1 HKLM "${UNINSTALL}" "InstallLocation"
  ReadRegStr $R2 HKCU "${UNINSTALL}" "InstallLocation"
  ${If} $R1 != ""
  ${AndIf} $R2 == ""
    StrCpy $Everyone 1
  ${EndIf}
  ClearErrors
  ${GetOptions} $R0 "/CurrentUser" $R1
  ${IfNot} ${Errors}
    StrCpy $Everyone 0
  ${EndIf}
  ClearErrors
  ${GetOptions} $R0 "/AllUsers" $R1
  ${IfNot} ${Errors}
    StrCpy $Everyone 1
  ${EndIf}
  ${If} ${Silent}
  ${AndIf} $Everyone == 1
  ${AndIf} $IsAdmin == 0
    ${EndWith} 6 "Only an administrator may install Hearth for everyone. Use /CurrentUser."
  ${EndIf}
FunctionEnd

; The version that is here of the same kind, and the folder: what /D= says goes before all else.
Function FindOlder
  ${If} $Everyone == 1
    SetShellVarContext all
    StrCpy $R1 "$PROGRAMFILES64\Hearth"
  ${Else}
    SetShellVarContext current
    StrCpy $R1 "$LOCALAPPDATA\Programs\Hearth"
  ${EndIf}
  ReadRegStr $Older SHCTX "${UNINSTALL}" "InstallLocation"
  ReadRegStr $OlderVersion SHCTX "${UNINSTALL}" "DisplayVersion"
  ${If} $Older != ""
    StrCpy $R1 $Older
  ${EndIf}
  ${If} $INSTDIR == ""
    StrCpy $INSTDIR $R1
  ${EndIf}
  ${If} $OlderVersion != ""
    ${VersionCompare} "$OlderVersion" "${VERSION}" $R1
    ClearErrors
    ${GetOptions} $R0 "/Downgrade" $R2
    ${If} ${Errors}
    ${AndIf} $R1 == 1
      ${If} ${Silent}
        ${EndWith} 4 "Hearth $OlderVersion is here, which is newer. Use /Downgrade to replace it."
      ${ElseIf} ${Cmd} `MessageBox MB_YESNO|MB_ICONEXCLAMATION "Hearth $OlderVersion is here, which is \
newer than ${VERSION}, and an older Hearth does not open chats of a newer one. Put ${VERSION} in its \
place all the same?" IDNO`
        SetErrorLevel 4
        Quit
      ${EndIf}
      StrCpy $GoesBack 1
    ${EndIf}
  ${EndIf}
FunctionEnd

Function ForWhom
  !insertmacro MUI_HEADER_TEXT "Who will use Hearth" "Chats and models stay each person's own."
  nsDialogs::Create 1018
  Pop $R1
  ${NSD_CreateRadioButton} 0 0 100% 14u "Only me"
  Pop $R1
  ${NSD_CreateRadioButton} 0 20u 100% 14u "Everyone on this computer (asks for an administrator)"
  Pop $Radio
  ${If} $Everyone == 1
    ${NSD_Check} $Radio
  ${Else}
    ${NSD_Check} $R1
  ${EndIf}
  ${NSD_CreateLabel} 0 48u 100% 40u "Hearth asks for nothing else, connects to nothing by itself, \
and can be removed in Windows' settings."
  Pop $R1
  nsDialogs::Show
FunctionEnd

Function ForWhomLeft
  StrCpy $R3 $Everyone
  ${NSD_GetState} $Radio $Everyone
  ${If} $Everyone == 1
  ${AndIf} $IsAdmin == 0
    ClearErrors
    ExecShell "runas" "$EXEPATH" "/AllUsers"
    ${If} ${Errors}
      MessageBox MB_OK|MB_ICONEXCLAMATION "Windows did not let Hearth be installed for everyone. \
Choose “Only me”, or ask an administrator."
      Abort
    ${EndIf}
    Quit
  ${EndIf}
  ${If} $R3 != $Everyone
    StrCpy $INSTDIR ""
    Call FindOlder
  ${EndIf}
FunctionEnd

; The folder is new, empty, or Hearth's: nothing of others is mixed with ours, or removed with it.
Function CheckFolder
  ${If} ${FileExists} "$INSTDIR\*.*"
  ${AndIfNot} ${FileExists} "$INSTDIR\${PROGRAM}"
  ${AndIf} $INSTDIR != $Older
    ${DirState} "$INSTDIR" $R1
    ${If} $R1 == 1
      ${EndWith} 7 "There is something in “$INSTDIR” that is not Hearth. Choose an empty folder."
    ${EndIf}
  ${EndIf}
FunctionEnd

Function OpenAsThePerson
  ; By the desktop, so that Hearth is not an administrator's where the installer is.
  Exec '"$WINDIR\explorer.exe" "$INSTDIR\${PROGRAM}"'
FunctionEnd

; Room for all of it, before the older one is taken out, whose room counts too. In MiB, as the
; numbers here have 32 bits. A disk that does not say is believed.
Function CheckRoom
  ${GetRoot} "$INSTDIR" $R1
  ClearErrors
  ${DriveSpace} "$R1\" "/D=F /S=M" $R2
  ${If} ${Errors}
    Return
  ${EndIf}
  ${If} $Older == $INSTDIR
    ReadRegDWORD $R3 SHCTX "${UNINSTALL}" "EstimatedSize"
    IntOp $R3 $R3 / 1024
    IntOp $R2 $R2 + $R3
  ${EndIf}
  ${If} $R2 <= ${SIZE_MIB}
    ${EndWith} 8 "There is not enough room in “$INSTDIR”: Hearth needs ${SIZE_MIB} MB. Free some \
space, and try again; nothing was changed."
  ${EndIf}
FunctionEnd

; Back to an older version: one that Hearth has fetched, newer still, would be started in its place.
Function LeaveFetched
  ${GetParameters} $R0
  ClearErrors
  ${GetOptions} $R0 "/Downgrade" $R1
  ${IfNot} ${Errors}
  ${OrIf} $GoesBack == 1
    ${If} $Everyone == 0
      Delete "${FETCHED}\current.json"
    ${EndIf}
  ${EndIf}
FunctionEnd

Section "Hearth"
  SectionIn RO
  Call CheckFolder
  Call CheckRoom
  ${If} $Older != ""
    ${WaitUntilFree} "$Older\${PROGRAM}"
    ${WaitUntilFree} "$Older\${HELPER}"
    ; The older one takes along what only it has. Its own uninstaller knows its files.
    ${If} ${FileExists} "$Older\uninstall.exe"
      DetailPrint "Taking out Hearth $OlderVersion"
      CopyFiles /SILENT "$Older\uninstall.exe" "$PLUGINSDIR\older.exe"
      ExecWait '"$PLUGINSDIR\older.exe" /S /Upgrade _?=$Older' $R1
      ${If} $R1 != 0
        ${EndWith} 5 "Hearth $OlderVersion could not be taken out. Close it, and try again."
      ${EndIf}
    ${EndIf}
    ${If} $Older != $INSTDIR
      Delete "$Older\uninstall.exe"
      RMDir "$Older"
    ${EndIf}
  ${EndIf}
  ${WaitUntilFree} "$INSTDIR\${PROGRAM}"
  ${WaitUntilFree} "$INSTDIR\${HELPER}"
  ; First what takes it out again: an install that is broken off can be removed.
  SetOutPath "$INSTDIR"
  SetOverwrite on
  WriteUninstaller "$INSTDIR\uninstall.exe"
  Call Register
  !insertmacro InstallFiles
  SetOutPath "$INSTDIR"
  File "/oname=model.ico" "${DOCUMENT_ICON}"
  CreateShortcut "$SMPROGRAMS\Hearth.lnk" "$INSTDIR\${PROGRAM}"
  Call LeaveFetched
  ${If} $Associate == 1
    Call AssociateFiles
  ${Else}
    ${ForgetFiles}
  ${EndIf}
SectionEnd

; What Windows' settings show of it.
Function Register
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayName" "${NAME}"
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr SHCTX "${UNINSTALL}" "Publisher" "The Hearth developers"
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayIcon" "$INSTDIR\${PROGRAM}"
  WriteRegStr SHCTX "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr SHCTX "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr SHCTX "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD SHCTX "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD SHCTX "${UNINSTALL}" "NoRepair" 1
  WriteRegDWORD SHCTX "${UNINSTALL}" "EstimatedSize" ${SIZE_KIB}
  WriteRegStr SHCTX "${APP_PATHS}" "" "$INSTDIR\${PROGRAM}"
FunctionEnd

; Offered for .gguf files; the one that opens them only where nobody else does.
Function AssociateFiles
  WriteRegStr SHCTX "Software\Classes\${TYPE}" "" "Language model"
  WriteRegStr SHCTX "Software\Classes\${TYPE}\DefaultIcon" "" "$INSTDIR\model.ico"
  WriteRegStr SHCTX "Software\Classes\${TYPE}\shell\open\command" "" \
    '"$INSTDIR\${PROGRAM}" --open "%1"'
  WriteRegStr SHCTX "Software\Classes\.gguf\OpenWithProgids" "${TYPE}" ""
  ReadRegStr $R1 HKCU "Software\Classes\.gguf" ""
  ReadRegStr $R2 HKLM "Software\Classes\.gguf" ""
  ${If} "$R1$R2" == ""
    WriteRegStr SHCTX "Software\Classes\.gguf" "" "${TYPE}"
  ${EndIf}
  WriteRegStr SHCTX "${CAPABILITIES}" "ApplicationName" "${NAME}"
  WriteRegStr SHCTX "${CAPABILITIES}" "ApplicationDescription" \
    "Talk to a language model that runs on this computer"
  WriteRegStr SHCTX "${CAPABILITIES}\FileAssociations" ".gguf" "${TYPE}"
  WriteRegStr SHCTX "Software\RegisteredApplications" "${NAME}" "${CAPABILITIES}"
  ${RefreshShellIcons}
FunctionEnd

Function un.onInit
  SetRegView 64
  ${GetParameters} $R0
  StrCpy $IsUpgrade 0
  ClearErrors
  ${GetOptions} $R0 "/Upgrade" $R1
  ${IfNot} ${Errors}
    StrCpy $IsUpgrade 1
  ${EndIf}
  ; Which of the two this one is, by where it stands.
  StrCpy $IsEveryones 0
  SetShellVarContext current
  ReadRegStr $R1 HKLM "${UNINSTALL}" "InstallLocation"
  ${If} $R1 == "$INSTDIR"
    StrCpy $IsEveryones 1
    SetShellVarContext all
    UserInfo::GetAccountType
    Pop $R2
    ${If} $R2 != "Admin"
      ${If} ${Silent}
        ${EndWith} 6 "Only an administrator may remove what was installed for everyone."
      ${EndIf}
      ExecShell "runas" "$INSTDIR\uninstall.exe"
      Quit
    ${EndIf}
  ${EndIf}
FunctionEnd

; Only what was installed goes, file by file. Chats, settings and models are elsewhere and stay.
Section "Uninstall"
  ${WaitUntilFree} "$INSTDIR\${PROGRAM}"
  ${WaitUntilFree} "$INSTDIR\${HELPER}"
  !insertmacro UninstallFiles
  Delete "$INSTDIR\model.ico"
  ${If} $IsUpgrade == 0
    Call un.Forget
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR"
  ${EndIf}
SectionEnd

; All that was written outside the folder; of others nothing.
Function un.Forget
  Delete "$SMPROGRAMS\Hearth.lnk"
  ${ForgetFiles}
  DeleteRegKey SHCTX "${APP_PATHS}"
  DeleteRegKey SHCTX "${UNINSTALL}"
  ${If} $IsEveryones == 0
    Call un.RemoveFetched
  ${EndIf}
FunctionEnd

; Newer versions that this one has fetched: programs, nothing of the person's. Never as administrator
; for everyone: a person may write there, and a link could lead the removal to anything. For the same
; reason a link goes alone, and not what it leads to.
Function un.RemoveFetched
  System::Call 'kernel32::GetFileAttributes(t "${FETCHED}") i .R1'
  ${If} $R1 == -1
    Return
  ${EndIf}
  IntOp $R1 $R1 & 0x400
  ${If} $R1 = 0
    RMDir /r "${FETCHED}"
  ${Else}
    RMDir "${FETCHED}"
  ${EndIf}
FunctionEnd
