# Install, use, install over, and remove, silently and for one person; ends badly if anything is left.
#   try.ps1 INSTALLER
param([Parameter(Mandatory)][string]$Installer)
$ErrorActionPreference = 'Stop'

$folder = "$env:LOCALAPPDATA\Programs\Hearth"
$profileFolder = "$env:LOCALAPPDATA\hearth"

function Start-Waiting([string]$Program, [string[]]$Words) {
    $done = Start-Process -FilePath $Program -ArgumentList $Words -Wait -PassThru
    if ($done.ExitCode -ne 0) { throw "$Program ended with $($done.ExitCode)." }
}

foreach ($round in 1, 2) {
    Start-Waiting $Installer @('/S', '/CurrentUser')
    & "$folder\hearth-cli.exe" selftest
    if ($LASTEXITCODE -ne 0) { throw "selftest ended with $LASTEXITCODE." }
}
$command = (Get-Item 'HKCU:\Software\Classes\Hearth.gguf\shell\open\command').GetValue('')
if ($command -ne "`"$folder\hearth.exe`" --open `"%1`"") { throw "Model files are opened with $command" }

# With _?= it does not go on in a copy of itself, and can be waited for; then it stays behind.
Start-Waiting "$folder\uninstall.exe" @('/S', "_?=$folder")
Remove-Item "$folder\uninstall.exe"
$left = Get-ChildItem $folder -Recurse -File -ErrorAction SilentlyContinue
if ($left) { throw "Left behind: $left" }
if (Test-Path 'HKCU:\Software\Classes\Hearth.gguf') { throw 'The type of model files is left behind.' }
if (-not (Test-Path $profileFolder)) { throw 'The profile is gone.' }
