case $1 in
describe) cat kinds.json ;;
run)
  out=$(sed -n 's/.*"number": *"\([^"]*\)".*/\1/p' "$4")
  echo '{"event":"metrics","step":1,"values":{"loss":0.25}}' >> "$NNF_EVENTS"
  echo counted > "$out" ;;
esac
