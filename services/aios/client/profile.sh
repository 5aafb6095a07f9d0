# In machines, /etc/profile.d/aios.sh: a login shell on a terminal starts with the prompt of aios.
# When that ends, or cannot be reached, the shell is there. AIOS_SHELL=1 goes straight to it.
case $- in
*i*)
    if [ -t 0 ] && [ -t 1 ] && [ -z "${AIOS_SHELL-}" ] && command -v aios >/dev/null 2>&1; then
        # Shells within this one are plain shells.
        export AIOS_SHELL=1
        if aios; then
            echo "This is the machine's shell; aios goes back to its prompt, exit leaves."
        else
            # aios has said why.
            echo "This is the machine's plain shell; aios tries again, exit leaves."
        fi
    fi
    ;;
esac
