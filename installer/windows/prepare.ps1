# What a fresh machine with Windows needs to build the runtime and the installer: LLVM, Ninja, NSIS,
# and the Vulkan SDK. What is there already is taken.
$ErrorActionPreference = 'Stop'

function Get-Missing([string]$Command, [string]$Package) {
    if (Get-Command $Command -ErrorAction SilentlyContinue) { return }
    choco install $Package --yes --no-progress
    if ($LASTEXITCODE -ne 0) { throw "$Package could not be installed." }
}

Get-Missing 'clang++' 'llvm'
Get-Missing 'ninja' 'ninja'
$nsis = "${env:ProgramFiles(x86)}\NSIS"
if (-not (Test-Path "$nsis\makensis.exe")) { Get-Missing 'makensis' 'nsis' }
if (-not $env:VULKAN_SDK) {
    choco install vulkan-sdk --yes --no-progress
    if ($LASTEXITCODE -ne 0) { throw 'The Vulkan SDK could not be installed.' }
    $env:VULKAN_SDK = [Environment]::GetEnvironmentVariable('VULKAN_SDK', 'Machine')
}
if (-not $env:VULKAN_SDK) { throw 'The Vulkan SDK says nowhere where it is: set VULKAN_SDK.' }

# For the steps that follow.
if ($env:GITHUB_ENV) { "VULKAN_SDK=$env:VULKAN_SDK" >> $env:GITHUB_ENV }
if ($env:GITHUB_PATH) {
    $nsis >> $env:GITHUB_PATH
    "$env:ProgramFiles\LLVM\bin" >> $env:GITHUB_PATH
    "$env:VULKAN_SDK\Bin" >> $env:GITHUB_PATH
}
