# Run a Catapult script in a plain Tcl interpreter and record every tool command.
# Arguments: script, file for the record. RECORD_FAIL: a command (as recorded) that fails.

set record_script [lindex $argv 0]
set record_file [open [lindex $argv 1] w]

proc unknown {args} {
  puts $::record_file $args
  flush $::record_file
  if { [info exists ::env(RECORD_FAIL)] && $args eq $::env(RECORD_FAIL) } {
    error "planted failure of '$args'"
  }
  if { [lrange $args 0 1] eq {solution get} } {
    if { [string match *slack* $args] } { error "no such path" }
    return 2
  }
  return {}
}

source $record_script
